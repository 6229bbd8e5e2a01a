from kpcomplete.app.make_sample import main

if __name__ == "__main__":  # processes that it starts import this file
    main()
