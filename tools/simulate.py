from kpcomplete.app.simulate import main

main()
